"""Whether the machinery is alive: daemon, schedules, sensors, portal, state, disk, alert channels.

`checks` looks and says what to do, `heartbeat` tells a dead man's switch outside that a day was
healthy. What is wrong with data is for gates and alerts.
"""
