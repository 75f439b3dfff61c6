"""How users start trilla: the `trilla` command, deployments, schedules."""
