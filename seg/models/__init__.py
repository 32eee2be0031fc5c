"""Model files: card, contract and safety of checkpoints, exported models and fused ensembles."""
