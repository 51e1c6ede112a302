"""What is wrong with the Kubernetes manifests, found without a cluster.

They are built by kustomize, held to the schemas, and then read as the cluster would read them.

Each module takes what was built and yields one sentence a fault. Nothing here talks to a cluster.
"""
