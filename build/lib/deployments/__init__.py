"""How users start it: the `trilla` command, deployments, schedules."""
