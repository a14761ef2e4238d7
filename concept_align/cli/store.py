import typer

app = typer.Typer(help="(being written)")


@app.callback()
def _group() -> None: ...
