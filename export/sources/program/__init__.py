"""Programs that PyTorch wrote: TorchScript, and torch.export."""
