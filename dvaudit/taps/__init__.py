"""What hooks see of a torch net: the inputs of its layers and the gradients at their outputs."""
