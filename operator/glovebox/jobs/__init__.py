"""Programs inside pods: the delivery of inputs, and the isolation check; they know no engine."""
