"""From an architecture to a trained network: plan, cost, modules, tasks, data, training."""
