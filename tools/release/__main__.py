"""`python -m tools.release show RELEASE`"""

from tools.release.command import app

if __name__ == "__main__":
    app()
