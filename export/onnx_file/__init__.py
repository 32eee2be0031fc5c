"""One ONNX file from one checkpoint: the exported module, its graph, the opset, saving and verification."""
