"""The command line and what it needs: the supervisor of the processes, the demo, administration.

May import anything below; nobody imports it. The heavy work (training, monitoring, the agent) runs in processes of its
own, so that `steward --help` answers at once.
"""
