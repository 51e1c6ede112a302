"""What stands around every page of the dashboard, asked every few seconds by every open page: cheap questions only."""

from datetime import datetime

from sqlalchemy import exists, func, select

from database.connection import ReadSession
from database.enums import DataSource
from database.models import AgentAction, Alert, Deployment, ModelVersion, MonitoringWindow, Prediction


def newest_prediction_at(session: ReadSession, model_name: str) -> datetime | None:
    """When the model answered last, as far as the database knows."""
    return session.scalar(select(func.max(Prediction.created_at)).where(Prediction.model_name == model_name))


def learned_from_made_up_rows(session: ReadSession, model_name: str) -> bool:
    """Whether any version of the model was trained on synthetic data."""
    made_up = exists().where(ModelVersion.model_name == model_name, ModelVersion.data_source == DataSource.SYNTHETIC)
    return bool(session.scalar(select(made_up)))


def marks(session: ReadSession, model_name: str) -> tuple[object, ...]:
    """Values that differ from an earlier answer when anything happened that a page would show."""
    row = session.execute(
        select(
            select(func.max(Deployment.generation)).where(Deployment.model_name == model_name).scalar_subquery(),
            select(func.max(AgentAction.updated_at)).where(AgentAction.model_name == model_name).scalar_subquery(),
            select(func.max(Alert.updated_at)).where(Alert.model_name == model_name).scalar_subquery(),
            select(func.max(MonitoringWindow.seq)).where(MonitoringWindow.model_name == model_name).scalar_subquery(),
            select(func.max(MonitoringWindow.judged_at))
            .where(MonitoringWindow.model_name == model_name)
            .scalar_subquery(),
        )
    ).one()
    return tuple(row)
