import io

from rich.console import Console

from pipelines.local.progress import LogReader, PlainLines, Progress, choose_display

LOG = """\
23:10:43.253 - INFO - Running pipeline: \x1b[95m'kubeloop-training'\x1b[0m
23:10:43.265 - INFO - Executing task \x1b[96m'train'\x1b[0m
23:10:43.266 - INFO - Executing task \x1b[96m'train'\x1b[0m
    [KFP Executor] Got executor_input: Task 'x' is text of a task
23:10:43.838 - INFO - Task \x1b[96m'train'\x1b[0m finished with status \x1b[92mSUCCESS\x1b[0m
23:10:43.840 - INFO - Task \x1b[96m'train'\x1b[0m finished with status \x1b[92mSUCCESS\x1b[0m
23:10:44.412 - INFO - Executing task \x1b[96m'evaluate'\x1b[0m
23:10:44.497 - ERROR - Task \x1b[96m'evaluate'\x1b[0m finished with status \x1b[91mFAILURE\x1b[0m
"""


def read(log: str) -> tuple[Progress, str]:
    shown = io.StringIO()
    progress = Progress(choose_display(Console(file=shown, width=100)), expected={"train": 2})
    assert isinstance(progress.display, PlainLines)
    reader = LogReader(progress)
    for line in log.splitlines():
        reader.read(line)
    return progress, shown.getvalue()


def test_log_reader_times_stages_in_their_order() -> None:
    progress, _ = read(LOG)
    assert list(progress.stages) == ["train", "evaluate"]
    assert all(0 <= stage.seconds < 5 for stage in progress.stages.values())


def test_log_reader_shows_plain_lines_where_there_is_no_terminal() -> None:
    _, shown = read(LOG)
    lines = [line.split() for line in shown.splitlines()]
    assert [line[:2] for line in lines] == [
        ["·", "train"],
        ["✓", "train"],
        ["·", "evaluate"],
        ["✗", "evaluate"],
    ]
    assert "\x1b" not in shown


def test_log_reader_remembers_the_stage_that_failed() -> None:
    progress, _ = read(LOG)
    assert (progress.stage, progress.failed_stage) == ("evaluate", "evaluate")


def test_log_reader_without_failure_names_none() -> None:
    progress, _ = read(LOG[: LOG.index("23:10:44.497")])
    assert (progress.stage, progress.failed_stage) == ("evaluate", "")


def test_log_reader_shows_no_exit_task() -> None:
    exit_task = LOG[LOG.index("23:10:44.412") :].replace("evaluate", "notify")
    progress, shown = read(LOG + exit_task.replace("FAILURE", "SUCCESS").replace("ERROR", "INFO"))
    assert list(progress.stages) == ["train", "evaluate"]
    assert (progress.stage, progress.failed_stage) == ("evaluate", "evaluate")
    assert "notify" not in shown
