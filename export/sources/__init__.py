"""Networks that were trained elsewhere, brought under the contract of exported models and verified."""
