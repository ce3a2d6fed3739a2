"""Volumes of EFS and EBS, and faults of a network: what other files' tasks show of them."""

from tests.integration.fields.rows import Elsewhere, NotApplicable, Row

EFS = "volumes[].efsVolumeConfiguration"
ENCRYPTED = {
    "fileSystemId": "fs-01234567",
    "transitEncryption": "ENABLED",
    "transitEncryptionPort": 2049,
}
SHARED = "integration/test_efs.py::test_two_tasks_share_files_through_an_access_point"
DECIDED = "integration/test_efs.py::test_groups_policies_and_directories_decide_who_mounts"
DISK = "integration/test_ebs.py::test_a_task_has_a_disk_of_its_own_and_a_snapshot_has_its_data"
FAULTS = (
    "integration/test_fault_injection.py::"
    "test_a_task_disturbs_its_own_network_and_sees_what_it_uses"
)

ROWS: list[Row] = [
    Elsewhere(EFS, "a directory of a file system, the same for every task that has it", SHARED),
    Elsewhere(f"{EFS}.fileSystemId", "which file system; its groups decide who mounts", DECIDED),
    Elsewhere(f"{EFS}.rootDirectory", "its directory; it has to be there", DECIDED),
    Elsewhere(f"{EFS}.transitEncryption", "what policies see as aws:SecureTransport", DECIDED),
    Elsewhere(f"{EFS}.authorizationConfig", "how a client comes in and what it may", SHARED),
    Elsewhere(
        f"{EFS}.authorizationConfig.accessPointId", "every user acts as the access point's", SHARED
    ),
    Elsewhere(
        f"{EFS}.authorizationConfig.iam", "ENABLED: the task role is asked what it may", DECIDED
    ),
    NotApplicable(
        (f"{EFS}.transitEncryptionPort",),
        {"volumes": [{"name": "v", "efsVolumeConfiguration": ENCRYPTED}]},
        "files do not leave the machine: there is no tunnel that would need a port",
    ),
    Elsewhere("volumes[].configuredAtLaunch", "a disk of its own, made at each task's start", DISK),
    Elsewhere("enableFaultInjection", "its containers may disturb the task's network", FAULTS),
]
