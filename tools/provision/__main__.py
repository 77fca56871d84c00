"""`python -m tools.provision room --dir room`"""

from tools.provision.command import app

if __name__ == "__main__":
    app()
