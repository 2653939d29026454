"""The model for other programs: ONNX and torch.export, with the normalisation inside."""
