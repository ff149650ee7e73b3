"""Lambda: functions, who may invoke them, and running them."""
