"""What a run leaves behind and says on its way: its folder, record, figures, best weights, loggers."""
