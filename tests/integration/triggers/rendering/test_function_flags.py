"""The deploy step of the shared build config: what the real gcloud sends for a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration.machine import needs_gcloud
from tests.integration.selection import sample
from tests.unit.triggers.manifest.test_manifest import SMALLEST
from triggers.discovery.inventory import Component, Inventory
from triggers.manifest.manifest import parse_manifest
from triggers.rendering.rendering import render

if TYPE_CHECKING:
    from tests.integration.servers.functions_api import FunctionsApi


pytestmark = needs_gcloud

CONFIG = Path(__file__).parents[4] / "triggers" / "build_configs" / "deploy-function.yaml"
AWKWARD = "a,b=c $HOME ${_REGION} 'x' \"y\" ^:^ ; ü \U0001f6a2 \u2028 \\ %s\n-"
EVERYTHING: dict[str, Any] = {
    "memory": "512Mi",
    "cpu": 1,
    "timeout": "90s",
    "concurrency": 8,
    "minInstances": 1,
    "maxInstances": 5,
    "serviceAccount": "runner",
    "buildServiceAccount": "builder@demo.iam.gserviceaccount.com",
    "environment": {"AWKWARD": AWKWARD, "EMPTY": ""},
    "buildEnvironment": {"GOOGLE_PYTHON_INSTALL_FLAGS": "a, b"},
    "secrets": {"API_KEY": "api-key:latest", "/etc/keys/key.pem": "pem:3"},
    "vpcConnector": "harbour",
    "vpcEgress": "all-traffic",
    "ingress": "internal-and-cloud-load-balancing",
    "requirements": {"vendor": "vendor"},
}
BUILDER = "projects/demo/serviceAccounts/builder@demo.iam.gserviceaccount.com"
BUILD_VARIABLES = {
    "GOOGLE_PYTHON_PACKAGE_MANAGER": "pip",
    "GOOGLE_PYTHON_INSTALL_FLAGS": "a, b",
    "GOOGLE_VENDOR_PIP_DEPENDENCIES": "vendor",
}


def deploy(functions_api: FunctionsApi, root: Path, **function: Any) -> None:
    """Run the deploy step of the build config as the trigger of *function* starts it."""
    source = root / "functions" / "f"
    source.mkdir(parents=True, exist_ok=True)
    (source / "main.py").write_text("def main(request): return 'x'\n")
    (source / "requirements.txt").write_text("functions-framework\n")
    target = Component(kind="function", path="functions/f", name="f")
    settings = {"buildServiceAccount": "builder", **function}
    manifest = {**SMALLEST, "project": "demo", "deploy": {"function": settings}}
    [trigger] = render(parse_manifest(manifest), Inventory(components=(target,))).triggers
    [step] = [s for s in yaml.safe_load(CONFIG.read_text())["steps"] if s["id"] == "deploy"]
    # A submitted build has no trigger.
    built = dict.fromkeys(("BUILD_ID", "COMMIT_SHA", "LOCATION", "TRIGGER_NAME"), "")
    given = {**trigger.substitutions, **built, "PROJECT_ID": "demo"}
    variables: dict[str, str] = dict(line.split("=", 1) for line in step["env"])
    environment = {name: given.get(value[2:-1], value) for name, value in variables.items()}
    functions_api.bash(step["script"], environment, root)


def test_every_setting_reaches_the_functions_api(
    functions_api: FunctionsApi, tmp_path: Path
) -> None:
    deploy(functions_api, tmp_path, **EVERYTHING)

    [created] = functions_api.functions
    assert created.method == "POST"
    assert created.body == {
        "name": "projects/demo/locations/us-central1/functions/f",
        "labels": {"deployment-tool": "cli-gcloud"},
        "buildConfig": {
            "runtime": "python313",
            "entryPoint": "main",
            "source": {"storageSource": {"bucket": "sources", "object": "source.zip"}},
            "environmentVariables": BUILD_VARIABLES,
            "serviceAccount": BUILDER,
        },
        "serviceConfig": {
            "availableMemory": "512Mi",
            "availableCpu": "1",
            "timeoutSeconds": 90,
            "maxInstanceRequestConcurrency": 8,
            "minInstanceCount": 1,
            "maxInstanceCount": 5,
            "serviceAccountEmail": "runner@demo.iam.gserviceaccount.com",
            "environmentVariables": {"AWKWARD": AWKWARD, "EMPTY": ""},
            "secretEnvironmentVariables": [
                {"key": "API_KEY", "projectId": "4711", "secret": "api-key", "version": "latest"}
            ],
            "secretVolumes": [
                {
                    "mountPath": "/etc/keys",
                    "projectId": "4711",
                    "secret": "pem",
                    "versions": [{"path": "key.pem", "version": "3"}],
                }
            ],
            "vpcConnector": "projects/demo/locations/us-central1/connectors/harbour",
            "vpcConnectorEgressSettings": "ALL_TRAFFIC",
            "ingressSettings": "ALLOW_INTERNAL_AND_GCLB",
        },
    }
    assert functions_api.policies == []
    [archive] = functions_api.uploads
    assert b"main.py" in archive
    assert b"requirements.txt" in archive


def test_every_setting_reaches_cloud_run(functions_api: FunctionsApi, tmp_path: Path) -> None:
    deploy(
        functions_api, tmp_path, tool="run", runtime="python312", entryPoint="bill", **EVERYTHING
    )

    [build] = functions_api.builds
    assert build["serviceAccount"] == BUILDER
    assert build["buildpackBuild"] == {
        "baseImage": "python312",
        "functionTarget": "bill",
        "enableAutomaticUpdates": True,
        "environmentVariables": BUILD_VARIABLES,
    }
    [created] = functions_api.services
    assert created.method == "POST"
    assert created.body["metadata"]["name"] == "f"
    assert created.body["metadata"]["annotations"]["run.googleapis.com/ingress"] == (
        "internal-and-cloud-load-balancing"
    )
    template = created.body["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/minScale"] == "1"
    assert annotations["autoscaling.knative.dev/maxScale"] == "5"
    assert annotations["run.googleapis.com/vpc-access-connector"] == "harbour"
    assert annotations["run.googleapis.com/vpc-access-egress"] == "all-traffic"
    spec = template["spec"]
    assert spec["serviceAccountName"] == "runner@demo.iam.gserviceaccount.com"
    assert (spec["timeoutSeconds"], spec["containerConcurrency"]) == (90, 8)
    [container] = spec["containers"]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    assert container["env"] == [
        {"name": "AWKWARD", "value": AWKWARD},
        {"name": "EMPTY", "value": ""},
        {
            "name": "API_KEY",
            "valueFrom": {"secretKeyRef": {"key": "latest", "name": "api-key"}},
        },
    ]
    [mount] = container["volumeMounts"]
    [volume] = spec["volumes"]
    assert mount == {"mountPath": "/etc/keys", "name": volume["name"]}
    assert volume["secret"] == {"items": [{"key": "3", "path": "key.pem"}], "secretName": "pem"}
    assert functions_api.policies == []


@pytest.mark.parametrize(
    ("trigger", "sent"),
    [
        ({"http": True}, None),
        (
            {"topic": "invoices", "retry": True},
            {
                "eventType": "google.cloud.pubsub.topic.v1.messagePublished",
                "pubsubTopic": "projects/demo/topics/invoices",
                "retryPolicy": "RETRY_POLICY_RETRY",
            },
        ),
        (
            {"bucket": "uploads", "location": "us", "retry": False},
            {
                "eventType": "google.cloud.storage.object.v1.finalized",
                "eventFilters": [{"attribute": "bucket", "value": "uploads"}],
                "triggerRegion": "us",
                "retryPolicy": "RETRY_POLICY_DO_NOT_RETRY",
            },
        ),
        (
            {
                "eventFilters": {
                    "type": "google.cloud.firestore.document.v1.written",
                    "database": "(default)",
                },
                "eventPathPatterns": {"document": "users/{id}, or=any/*"},
                "location": "nam5",
                "serviceAccount": "caller",
            },
            {
                "eventType": "google.cloud.firestore.document.v1.written",
                "eventFilters": [
                    {"attribute": "database", "value": "(default)"},
                    {
                        "attribute": "document",
                        "value": "users/{id}, or=any/*",
                        "operator": "match-path-pattern",
                    },
                ],
                "triggerRegion": "nam5",
                "serviceAccountEmail": "caller@demo.iam.gserviceaccount.com",
            },
        ),
    ],
)
def test_what_calls_a_function_reaches_the_functions_api(
    functions_api: FunctionsApi,
    tmp_path: Path,
    trigger: dict[str, Any],
    sent: dict[str, Any] | None,
) -> None:
    deploy(functions_api, tmp_path, trigger=trigger)

    [created] = functions_api.functions
    assert created.body.get("eventTrigger") == sent


def test_a_second_deployment_changes_what_the_manifest_names_and_takes_away_what_it_empties(
    functions_api: FunctionsApi, tmp_path: Path
) -> None:
    deploy(functions_api, tmp_path, **EVERYTHING)
    deploy(functions_api, tmp_path, memory="1Gi", environment={}, secrets={})

    updated = functions_api.functions[1]
    assert updated.method == "PATCH"
    config = updated.body["serviceConfig"]
    assert config["availableMemory"] == "1Gi"
    assert config["environmentVariables"] == {}
    assert "secretEnvironmentVariables" not in config
    fields = updated.query.partition("updateMask=")[2].split("%2C")
    assert [name for name in fields if name.startswith("service_config.")] == [
        "service_config.available_memory",
        "service_config.environment_variables",
        "service_config.secret_environment_variables",
        "service_config.secret_volumes",
    ]


@sample("tool", ["functions", "run"], "run")
@pytest.mark.parametrize("allowed", [True, None])
def test_everybody_may_call_only_what_the_manifest_opens(
    functions_api: FunctionsApi, tmp_path: Path, tool: str, allowed: bool | None
) -> None:
    deploy(functions_api, tmp_path, tool=tool, allowUnauthenticated=allowed)

    written = [
        policy["policy"]["bindings"] for policy in functions_api.policies if "policy" in policy
    ]
    opened = [[{"role": "roles/run.invoker", "members": ["allUsers"]}]]
    assert written == (opened if allowed else [])
