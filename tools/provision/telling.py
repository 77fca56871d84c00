"""What the commands of provisioning have in common: how they say what they did, or could not."""

import typer

from tools import provision


class told:
    """Whatever cannot be done ends the command with one line and code 1."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, provision.ProvisionError):
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None


def listed(names):
    return (": " + ", ".join(names)) if names else ""
