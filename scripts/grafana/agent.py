"""Agent & approvals: what waits for people, what the agent does, and whether it gets done."""

from grafana_foundation_sdk.builders import dashboard

from scripts.grafana.frame import page
from scripts.grafana.panels import AMBER, GREEN, RED, YES, Ask, Meaning, Panel, bars, figure, lines, rows

_MODEL = 'model=~"$model"'


def build() -> dashboard.Dashboard:
    return page(
        "steward-agent",
        "Steward / Agent & approvals",
        "What waits for people, what the agent does, and whether it gets done.",
        (
            ("Now", _now()),
            ("Decisions", _decisions()),
            ("Work", _work()),
            ("Messages and the calendar", _messages()),
        ),
    )


def _now() -> list[Panel]:
    return [
        figure(
            "The agent",
            "Whether it gave a sign of life in the database within three of its rounds.",
            Ask('max(steward_service_alive{service="agent"})'),
            words=YES,
            none="unknown",
            runbook="AgentSilent",
        ),
        figure(
            "Automation",
            "What the kill switch says. Paused: it looks and asks, and executes nothing. Stopped: it does not even "
            "look.",
            Ask(
                'max(steward_automation_state{state="paused"}) + 2 * max(steward_automation_state{state="stopped"})',
            ),
            words=(Meaning(0, "running", GREEN), Meaning(1, "paused", AMBER), Meaning(2, "stopped", RED)),
            none="unknown",
            runbook="AutomationNotRunning",
        ),
        figure(
            "Decisions that wait",
            "Actions with their evidence gathered that people have not decided.",
            Ask(f"sum(max by (model, type, risk) (steward_approvals_waiting{{{_MODEL}}})) or vector(0)"),
            steps=((1, AMBER),),
            none="none",
            runbook="ApprovalWaiting",
        ),
        figure(
            "The longest waits for",
            "Since people were asked. After a day there is an alert; at its expiry the question is void.",
            Ask(f"time() - min(steward_approvals_oldest_asked_timestamp_seconds{{{_MODEL}}})"),
            unit="s",
            steps=((14_400, AMBER), (86_400, RED)),
            none="none waits",
            runbook="ApprovalWaiting",
        ),
        figure(
            "Work that is due",
            "Approved or to be proven, and claimed by no worker. It is taken within seconds.",
            Ask("sum(max by (stage) (steward_action_queue_depth))"),
            steps=((1, AMBER), (10, RED)),
            runbook="ActionQueueStalled",
        ),
        figure(
            "Failed, last day",
            "Actions whose tries were used up.",
            Ask(f'sum(increase(steward_actions_ended_total{{{_MODEL},status="failed"}}[1d])) or vector(0)'),
            steps=((1, AMBER),),
            decimals=0,
            runbook="ActionFailed",
        ),
    ]


def _decisions() -> list[Panel]:
    return [
        rows(
            "What waits for people",
            "By kind and risk; high risk takes two people. The Steward dashboard has each with its evidence.",
            Ask(f"sum by (model, type, risk) (steward_approvals_waiting{{{_MODEL}}})"),
            columns={"model": "Model", "type": "What is asked", "risk": "Risk"},
            value="Decisions",
            none="nothing waits",
            runbook="ApprovalWaiting",
        ),
        bars(
            "Actions that ended, by how",
            "Since the beginning. Rejected and inconclusive are answers, too; many of them ask for another policy.",
            Ask(
                f"sum by (status) (max by (model, type, status) (steward_actions_ended_total{{{_MODEL}}}))",
                "{{status}}",
            ),
        ),
        lines(
            "Decisions people made",
            "In the last day at each moment, by what they said.",
            Ask(f"sum by (decision) (increase(steward_decisions_total{{{_MODEL}}}[1d]))", "{{decision}}"),
        ),
        lines(
            "Open actions by status",
            "From proposed to verified. A long plateau of gathering, approved or executing means that work hangs.",
            Ask(f"sum by (status) (max by (model, type, status) (steward_actions_open{{{_MODEL}}}))", "{{status}}"),
            stacked=True,
        ),
        figure(
            "Approvers",
            "People who may approve. High risk needs two besides who asks.",
            Ask('max(steward_people{role="approver"})'),
            steps=((2, GREEN),),
            base=AMBER,
            width=6,
        ),
        figure(
            "Signed in",
            "Browsers with a live session.",
            Ask("max(steward_sessions)"),
            width=6,
        ),
        figure(
            "API keys",
            "Keys of programs that work.",
            Ask("max(steward_api_keys)"),
            width=6,
        ),
        figure(
            "The first key ends in",
            "Whoever uses it is refused from then on.",
            Ask("min(steward_api_keys_next_expiry_timestamp_seconds) - time()"),
            unit="s",
            steps=((604_800, GREEN),),
            base=AMBER,
            none="no key",
            width=6,
            runbook="ApiKeyExpiring",
        ),
    ]


def _work() -> list[Panel]:
    return [
        lines(
            "Looks at the models",
            "How often the agent looked, and how often a look failed, a minute.",
            Ask(
                f"60 * sum by (model) (rate(steward_agent_cycle_seconds_count{{{_MODEL}}}[$__rate_interval]))",
                "{{model}}",
            ),
            Ask(
                f"60 * sum by (model) (rate(steward_agent_cycle_faults_total{{{_MODEL}}}[$__rate_interval]))",
                "{{model}}: failed",
            ),
            runbook="AgentLooksFail",
        ),
        lines(
            "How long a look takes",
            "Nineteen of twenty are faster.",
            Ask(
                "histogram_quantile(0.95, sum by (le, model) "
                f"(rate(steward_agent_cycle_seconds_bucket{{{_MODEL}}}[$__rate_interval])))",
                "{{model}}",
            ),
            unit="s",
        ),
        lines(
            "What it concluded",
            "Explanations found, by cause, an hour: the same one counts at each look at which it holds.",
            Ask(f"sum by (cause) (increase(steward_agent_diagnoses_total{{{_MODEL}}}[1h]))", "{{cause}}"),
            stacked=True,
        ),
        lines(
            "Tries by how they ended",
            "In an hour, gathering evidence and executing.",
            Ask("sum by (stage, ending) (increase(steward_agent_tries_ended_total[1h]))", "{{stage}}: {{ending}}"),
            stacked=True,
            runbook="ActionFailed",
        ),
        lines(
            "Claimed work",
            "What workers are at, and claims whose worker has been silent for longer than its lease.",
            Ask("max by (stage) (steward_action_leases_held)", "{{stage}}"),
            Ask("max by (stage) (steward_action_leases_expired)", "{{stage}}: worker lost"),
            runbook="WorkerLost",
        ),
        lines(
            "How long work takes",
            "Mean length of a try by kind of action, since the agent started; training takes minutes.",
            Ask(
                "sum by (type, stage) (steward_agent_try_seconds_sum)"
                " / sum by (type, stage) (steward_agent_try_seconds_count)",
                "{{type}}: {{stage}}",
            ),
            unit="s",
        ),
    ]


def _messages() -> list[Panel]:
    return [
        lines(
            "Messages on their way",
            "By channel, and what no relay has looked at.",
            Ask("max by (channel) (steward_deliveries_pending)", "{{channel}}"),
            Ask("max(steward_outbox_unrouted)", "not looked at"),
            width=8,
            runbook="MessagesUndelivered",
        ),
        rows(
            "Given up, by channel",
            "Messages nobody tries to deliver any more, until a person asks for it.",
            Ask("max by (channel) (steward_deliveries_dead)"),
            columns={"channel": "Channel"},
            value="Messages",
            none="nothing was ever sent",
            width=8,
            runbook="MessagesUndelivered",
        ),
        rows(
            "Slots of the calendar",
            "What became of the times at which a schedule of the policy page was due.",
            Ask(f"max by (schedule, model, status) (steward_schedule_slots{{{_MODEL}}})"),
            columns={"schedule": "Schedule", "model": "Model", "status": "What became of it"},
            value="Slots",
            none="no slot has come yet",
            width=8,
        ),
    ]
