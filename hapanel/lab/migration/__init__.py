"""How guests move: arithmetic, task logs, the flow."""
