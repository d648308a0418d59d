"""A JupyterHub with the autograder for one course on one machine. What to change stands at the top; docs/hub.md says the rest."""

import json
from pathlib import Path

COURSE = "keras-digits"  # Course(id=…) in grading_config.py
INSTRUCTORS = {"garcia"}
STUDENTS = {"ana", "bo"}
COURSE_FOLDER = Path("/srv/course")  # mode 0700, of the account that runs the service; formgrader works in it
EXCHANGE = Path("/srv/nbgrader/exchange")  # mode 1777, on a disk that all users' servers see
DATA_CACHE = Path("/srv/keras/datasets")  # MNIST for everybody: mnist.npz, readable by all and writable by nobody but root
SETTINGS = Path("/etc/autograder/jupyter")  # made below: which of nbgrader's menus students and instructors have
TOKEN_FILE = Path("/etc/autograder/token")  # 0600, of the account that runs the service; root reads it here
SERVICE = "http://127.0.0.1:8123"  # where `autograder hub serve` answers

c = get_config()  # noqa: F821  # JupyterHub provides it

# --- the hub itself: on loopback, a web server with TLS in front; accounts of the machine ------------------------------
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:8081"
c.JupyterHub.authenticator_class = "pam"
c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"  # each user's server is a process of their own account
c.Spawner.environment = {"TF_CPP_MIN_LOG_LEVEL": "3"}

# --- who is who: nbgrader's own names of groups ------------------------------------------------------------------------
TEACH, LEARN = f"formgrade-{COURSE}", f"nbgrader-{COURSE}"
c.Authenticator.allowed_users = INSTRUCTORS | STUDENTS
c.JupyterHub.load_groups = {TEACH: {"users": sorted(INSTRUCTORS)}, LEARN: {"users": sorted(STUDENTS)}}

# --- the service: started on its own, so neither takes the other down --------------------------------------------------
c.JupyterHub.services = [
    {
        "name": "autograder",
        "url": SERVICE,
        "api_token": TOKEN_FILE.read_text().strip(),
        "oauth_no_confirm": True,
        "timeout": 1,  # a hub that starts while the service is down does not wait for it
    },
]
c.JupyterHub.load_roles = [
    {"name": "course", "scopes": ["access:services!service=autograder"], "groups": [TEACH, LEARN]},
]

# --- nbgrader in the users' servers ------------------------------------------------------------------------------------
_HIDDEN = {
    LEARN: ["formgrader", "create-assignment", "course-list"],
    TEACH: ["course-list"],
}
# Executed by each server as it starts, as its user: links the shared files into ~/.keras. Keras uses no folder that it may not write.
_LINK_DATA = f"""from pathlib import Path

from autograder.data.shared import link_shared

link_shared(Path({str(DATA_CACHE)!r}))
"""


def write_settings() -> None:
    """One folder of Jupyter settings for students and one for instructors, readable by all."""
    for group, hidden in _HIDDEN.items():
        folder = SETTINGS / group
        (folder / "labconfig").mkdir(parents=True, exist_ok=True)
        off = {f"@jupyter/nbgrader:{each}": True for each in hidden}
        (folder / "labconfig/page_config.json").write_text(json.dumps({"disabledExtensions": off}))
        servers = {
            "nbgrader.server_extensions.formgrader": group == TEACH,
            "nbgrader.server_extensions.validate_assignment": False,  # it trains everything again, and its server waits meanwhile
            "autograder.hub.validate_button": True,  # in its place: what the doctor finds, at once
        }
        (folder / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": {"jpserver_extensions": servers}}))
        (folder / "jupyter_server_config.py").write_text(_LINK_DATA)
        (folder / "nbgrader_config.json").write_text(
            json.dumps({"CourseDirectory": {"course_id": COURSE}, "Exchange": {"root": str(EXCHANGE)}})
        )
    # formgrader works with the course's own configuration, wherever the instructor's server was started.
    (SETTINGS / TEACH / "nbgrader_config.py").write_text(f"load_subconfig({str(COURSE_FOLDER / 'nbgrader_config.py')!r})\n")


def before_server(spawner):
    """Students do without the instructors' menus. What they may do is decided elsewhere: by files and by groups."""
    teaches = any(group.name == TEACH for group in spawner.user.groups)
    spawner.environment = {**spawner.environment, "JUPYTER_CONFIG_PATH": str(SETTINGS / (TEACH if teaches else LEARN))}
    # formgrader refuses a course that does not lie below the server's own root.
    spawner.notebook_dir = "/" if teaches else ""
    spawner.default_url = f"/lab/tree{COURSE_FOLDER}" if teaches else "/lab"


write_settings()
c.Spawner.pre_spawn_hook = before_server
