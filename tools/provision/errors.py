"""The one error of provisioning."""


class ProvisionError(Exception):
    """It was not done; one line that says why."""
