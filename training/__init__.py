"""From data to a registered version: loading, encoding, training, comparing, exporting.

Nothing here serves or decides. `feature_engineering`, `calibration`, `suspects` and `serving_artifact` stay light
(numpy and onnxruntime): the API imports them. The training stack is imported by the other modules only.
"""
