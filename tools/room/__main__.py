"""`python -m tools.room serve --dir room`"""

from tools.room.command import app

if __name__ == "__main__":
    app()
