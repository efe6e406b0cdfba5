"""The model and the kernel as the same party, facing the same scripted peer: what they send is compared."""
