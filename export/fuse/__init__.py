"""A whole ensemble as one ONNX file: images in, labels out."""
