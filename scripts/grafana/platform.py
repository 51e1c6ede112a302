"""Platform: processes, disks, the database, and what keeps the record."""

from grafana_foundation_sdk.builders import dashboard

from scripts.grafana.frame import page
from scripts.grafana.panels import AMBER, GREEN, RED, YES, Ask, Panel, bars, figure, lines, rows

_JOB = 'job=~"$job"'


def build() -> dashboard.Dashboard:
    return page(
        "steward-platform",
        "Steward / Platform",
        "Processes, disks, the database, and what keeps the record.",
        (
            ("Now", _now()),
            ("Processes", _processes()),
            ("Database", _database()),
            ("The record", _record()),
        ),
        by=("job",),
    )


def _now() -> list[Panel]:
    return [
        figure(
            "The database",
            "Whether any process reaches it. Without it predictions go on and wait on disk.",
            Ask("max(steward_database_up)"),
            words=YES,
            none="unknown",
            runbook="DatabaseUnreachable",
        ),
        figure(
            "Services that are up",
            "By scrape, by sign of life in the database, and by asking the dashboard and MLflow from outside.",
            Ask("count(steward:up:min == 1) / count(steward:up:min)"),
            unit="percentunit",
            steps=((0, RED), (1, GREEN)),
            decimals=0,
            runbook="ServiceNotAnswering",
        ),
        figure(
            "Alerts that fire",
            "All of them, whatever their severity.",
            Ask('count(ALERTS{alertstate="firing"}) or vector(0)'),
            steps=((1, RED),),
            none="none",
        ),
        figure(
            "Least room on a disk",
            "Share that is free where a process writes: spool, artifacts, logs.",
            Ask("min(steward:disk_free:ratio)"),
            unit="percentunit",
            steps=((0.1, AMBER), (0.2, GREEN)),
            base=RED,
            decimals=0,
            runbook="DiskFilling",
        ),
        figure(
            "Connections in use",
            "Of those the database server has room for.",
            Ask("steward:database_connections:ratio"),
            unit="percentunit",
            steps=((0.6, AMBER), (0.8, RED)),
            decimals=0,
            runbook="DatabaseConnectionsNearLimit",
        ),
        figure(
            "Last backup",
            "How long ago one was made, by the audit log.",
            Ask("time() - max(steward_backup_last_success_timestamp_seconds)"),
            unit="s",
            steps=((90_000, AMBER), (172_800, RED)),
            none="never",
            runbook="BackupTooOld",
        ),
    ]


def _processes() -> list[Panel]:
    return [
        lines(
            "CPU",
            "Cores used by each process.",
            Ask(f"rate(process_cpu_seconds_total{{{_JOB}}}[$__rate_interval])", "{{job}} {{instance}}"),
            unit="none",
        ),
        lines(
            "Memory",
            "Resident bytes of each process. Training runs in processes of its own and is not in it.",
            Ask(f"process_resident_memory_bytes{{{_JOB}}}", "{{job}} {{instance}}"),
            unit="bytes",
        ),
        lines(
            "Room on disks",
            "Bytes free where each service writes.",
            Ask(f"min by (job, volume) (steward_disk_free_bytes{{{_JOB}}})", "{{job}}: {{volume}}"),
            unit="bytes",
            runbook="DiskFilling",
        ),
        lines(
            "Open files",
            "Share of what each process may open.",
            Ask(f"process_open_fds{{{_JOB}}} / process_max_fds{{{_JOB}}}", "{{job}} {{instance}}"),
            unit="percentunit",
        ),
        rows(
            "Services",
            "1 is up. A service that is scraped and gives signs of life has to do both.",
            Ask("steward:up:min"),
            columns={"service": "Service"},
            value="Up",
            width=6,
            runbook="ServiceNotAnswering",
        ),
        rows(
            "Releases",
            "Which release each process runs; several at once only while one is being rolled out.",
            Ask("count by (service, release) (steward_build_info)"),
            columns={"service": "Service", "release": "Release"},
            value="Processes",
            width=6,
        ),
        lines(
            "A pass of the monitor",
            "How long nineteen of twenty take.",
            Ask("histogram_quantile(0.95, sum by (le) (rate(steward_monitor_pass_seconds_bucket[10m])))", "95 %"),
            unit="s",
            width=6,
            runbook="MonitorSilent",
        ),
        lines(
            "What the monitor could not look at",
            "Faults in an hour, and how many have lasted for several passes.",
            Ask("sum(increase(steward_monitor_faults_total[1h]))", "in an hour"),
            Ask("max(steward_monitor_lasting_faults)", "lasting"),
            width=6,
            runbook="MonitorBlind",
        ),
        rows(
            "Alerts",
            "What fires or is about to.",
            Ask("sum by (alertname, severity, alertstate) (ALERTS)"),
            columns={"alertname": "Alert", "severity": "Severity", "alertstate": "State"},
            value="How many",
            none="nothing",
            width=24,
        ),
    ]


def _database() -> list[Panel]:
    return [
        lines(
            "Connections by process",
            "To our database; the limit is the whole server's.",
            Ask("sum by (application) (max by (application, state) (steward_database_sessions))", "{{application}}"),
            Ask("max(steward_database_connections_limit)", "limit"),
            runbook="DatabaseConnectionsNearLimit",
        ),
        lines(
            "Transactions",
            "A second, and how many the server had to end to resolve a deadlock.",
            Ask("max(rate(steward_database_commits_total[$__rate_interval]))", "committed"),
            Ask("max(rate(steward_database_rollbacks_total[$__rate_interval]))", "rolled back"),
            Ask("max(rate(steward_database_deadlocks_total[$__rate_interval]))", "deadlocks"),
            unit="ops",
        ),
        lines(
            "Oldest transaction and waiting for locks",
            "Seconds the oldest open transaction has been open, and connections that wait for a lock.",
            Ask("max(steward_database_longest_transaction_seconds)", "oldest transaction, s"),
            Ask("max(steward_database_blocked_sessions)", "wait for a lock"),
            runbook="TransactionTooOld",
        ),
        lines(
            "Pages found in memory",
            "Of those asked for. Below nine tenths for long: more shared_buffers, or a question without an index.",
            Ask(
                "max(rate(steward_database_blocks_hit_total[5m]) / (rate(steward_database_blocks_hit_total[5m])"
                " + rate(steward_database_blocks_read_total[5m])))",
                "in memory",
            ),
            unit="percentunit",
            highest=1,
        ),
        lines(
            "Size",
            "Of our database on the server's disk.",
            Ask("max(steward_database_size_bytes)", "database"),
            unit="bytes",
        ),
        bars(
            "Largest tables",
            "With their indexes; days of predictions count as one.",
            Ask("topk(12, max by (table) (steward_database_table_size_bytes))", "{{table}}"),
            unit="bytes",
        ),
        figure(
            "Days of predictions",
            "Partitions there are.",
            Ask("max(steward_prediction_partitions)"),
            width=6,
        ),
        figure(
            "Days made ahead",
            "How far the days reach that are ready for rows. The monitor makes them three days ahead.",
            Ask("max(steward_prediction_partitions_end_timestamp_seconds) - time()"),
            unit="s",
            steps=((86_400, AMBER), (172_800, GREEN)),
            base=RED,
            width=6,
            runbook="PartitionsNotMade",
        ),
        figure(
            "Rows without a day",
            "In the default partition; they move when their day is made.",
            Ask("max(steward_prediction_default_partition_rows)"),
            steps=((1, AMBER),),
            width=6,
            runbook="PartitionsNotMade",
        ),
        lines(
            "What a scrape costs the database",
            "Seconds each part took when it was read last; the slow ones are read once a minute.",
            Ask("max by (part) (steward_exporter_part_seconds)", "{{part}}"),
            unit="s",
            width=6,
            runbook="ExporterPartFails",
        ),
    ]


def _record() -> list[Panel]:
    return [
        figure(
            "Faults in the audit log",
            "What the last walk over its hash chain found.",
            Ask("max(steward_audit_faults)"),
            steps=((1, RED),),
            none="not walked yet",
            width=6,
            runbook="AuditLogAltered",
        ),
        figure(
            "Walked",
            "How long ago the whole log was last walked.",
            Ask("time() - max(steward_audit_verified_timestamp_seconds)"),
            unit="s",
            steps=((180_000, AMBER),),
            none="not yet",
            width=6,
        ),
        figure(
            "Signed",
            "How long ago the monitor last signed how far the log reaches.",
            Ask("time() - max(steward_audit_signed_timestamp_seconds)"),
            unit="s",
            none="never",
            width=6,
            runbook="AuditLogUnsigned",
        ),
        figure(
            "Damaged versions",
            "Versions whose files were not as they should be when the monitor last hashed them.",
            Ask("max(steward_artifacts_damaged)"),
            steps=((1, RED),),
            width=6,
            runbook="ArtifactsDamaged",
        ),
        lines(
            "Changes of state",
            "Events added to the audit log in an hour.",
            Ask("max(increase(steward_audit_events_total[1h]))", "events"),
            width=12,
        ),
        lines(
            "Events nobody vouches for yet",
            "Since the last signature.",
            Ask("max(steward_audit_unsigned_events)", "events"),
            width=12,
            runbook="AuditLogUnsigned",
        ),
    ]
