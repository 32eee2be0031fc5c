"""Runtimes: ONNX Runtime, OpenVINO and TensorRT behind one interface."""
