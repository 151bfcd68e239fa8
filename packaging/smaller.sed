# Of constraints.txt for who installs: the last typer that does without pydantic, which is 10 MB, and compiled.
s/^typer==.*/typer==0.27.3/
/^pydantic/d
