"""`python -m tellapart`: the command, where its folder of programs is not on the path."""

from tellapart.cli.main import main

if __name__ == "__main__":
    main()
