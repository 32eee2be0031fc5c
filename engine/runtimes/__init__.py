"""What runs a network: ONNX Runtime, OpenVINO and TensorRT behind one protocol."""
