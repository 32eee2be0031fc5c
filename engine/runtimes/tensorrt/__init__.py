"""TensorRT plans and the runtime that runs them."""
