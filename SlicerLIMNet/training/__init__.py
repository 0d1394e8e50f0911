"""Training: data, defects, losses, rollouts and the trainer."""
