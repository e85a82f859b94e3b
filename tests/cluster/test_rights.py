"""What the account of pipeline runs may do: the Role's rules, and nothing beside them.

That deploy makes each of these calls, and no other, is shown where the calls can be counted
(tests/services/rollout/test_rollout_neighbours.py); here that a real cluster grants them to that
account.
"""

import json

import yaml

from tests.cluster.installation import ROOT, Installation
from tests.cluster.kubernetes import kubectl

_ACCOUNT = "system:serviceaccount:kubeflow:pipeline-runner"
_ROLE = ROOT / "manifests" / "base" / "access" / "role.yaml"
Right = tuple[str, str, str]


def rights(rules: list[dict[str, list[str]]]) -> set[Right]:
    """Group, resource and verb of each; rules for URLs have none."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule.get("apiGroups") or []
        for resource in rule.get("resources") or []
        for verb in rule["verbs"]
    }


def granted(namespace: str) -> set[Right]:
    """What the cluster says that the account may do in a namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    words = ("create", "-f", "-", "--output=json", f"--as={_ACCOUNT}")
    return rights(json.loads(kubectl(*words, given=json.dumps(review)))["status"]["resourceRules"])


def test_account_of_runs_has_the_rights_of_the_role_and_no_others(
    installation: Installation,
) -> None:
    wanted = rights(yaml.safe_load(_ROLE.read_text(encoding="utf-8"))["rules"])
    # What it may do everywhere it was granted by Kubernetes and by Kubeflow, not by us.
    elsewhere = granted("default")
    here = granted(installation.namespace)
    assert wanted - here == set()
    assert here - wanted - elsewhere == set()


def test_account_of_runs_deploys_nothing_elsewhere(installation: Installation) -> None:
    del installation
    assert ("serving.kserve.io", "inferenceservices", "patch") not in granted("default")
