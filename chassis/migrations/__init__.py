"""What every tower's migrations share: the environment that runs them and the template that teaches how to write one."""
