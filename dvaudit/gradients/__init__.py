"""Per-sample gradient products and what is built on them. Names load on first use, torch too."""

from typing import TYPE_CHECKING

from dvaudit.core.lazy import exports

if TYPE_CHECKING:
    from dvaudit.gradients import losses as losses
    from dvaudit.gradients import reference as reference
    from dvaudit.gradients._capture import Capture as Capture
    from dvaudit.gradients._capture import Taps as Taps
    from dvaudit.gradients._capture import capture as capture
    from dvaudit.gradients._plan import plan_taps as plan_taps
    from dvaudit.gradients._projection_plan import plan_projections as plan_projections
    from dvaudit.gradients.checkpoints import checkpoint_influences as checkpoint_influences
    from dvaudit.gradients.curvature import Curvature as Curvature
    from dvaudit.gradients.curvature import gradient_and_curvature as gradient_and_curvature
    from dvaudit.gradients.curvature import largest_eigenvalue as largest_eigenvalue
    from dvaudit.gradients.dvemb import EmbeddingStep as EmbeddingStep
    from dvaudit.gradients.dvemb import InfluenceStep as InfluenceStep
    from dvaudit.gradients.dvemb import Phases as Phases
    from dvaudit.gradients.dvemb import embeddings as embeddings
    from dvaudit.gradients.dvemb import influences as influences
    from dvaudit.gradients.dvemb import phase_influences as phase_influences
    from dvaudit.gradients.dvemb import query_gradients as query_gradients
    from dvaudit.gradients.dvgs import Similarity as Similarity
    from dvaudit.gradients.dvgs import SimilarityStep as SimilarityStep
    from dvaudit.gradients.dvgs import target_similarities as target_similarities
    from dvaudit.gradients.layout import Layout as Layout
    from dvaudit.gradients.liveval import LiveStep as LiveStep
    from dvaudit.gradients.liveval import live_values as live_values
    from dvaudit.gradients.liveval import static_values as static_values
    from dvaudit.gradients.liveval import totals as totals
    from dvaudit.gradients.products import inner_products as inner_products
    from dvaudit.gradients.products import squared_norms as squared_norms
    from dvaudit.gradients.projected import ProjectedStep as ProjectedStep
    from dvaudit.gradients.projected import embedding_sums as embedding_sums
    from dvaudit.gradients.projected import project_queries as project_queries
    from dvaudit.gradients.projected import projected_embeddings as projected_embeddings
    from dvaudit.gradients.projected import write_embeddings as write_embeddings
    from dvaudit.gradients.projections import Projections as Projections
    from dvaudit.gradients.segments import Segment as Segment
    from dvaudit.gradients.segments import SegmentTask as SegmentTask
    from dvaudit.gradients.segments import checkpoint_embeddings as checkpoint_embeddings
    from dvaudit.gradients.segments import embed_segment as embed_segment
    from dvaudit.gradients.segments import segment_embeddings as segment_embeddings
    from dvaudit.gradients.segments import segment_tasks as segment_tasks
    from dvaudit.gradients.stability import Sharpness as Sharpness
    from dvaudit.gradients.stability import growth as growth
    from dvaudit.gradients.stability import sharpness as sharpness
    from dvaudit.gradients.stability import spread_steps as spread_steps
    from dvaudit.gradients.trajectory import Reduction as Reduction
    from dvaudit.gradients.trajectory import Trajectory as Trajectory
    from dvaudit.gradients.trajectory import Update as Update
    from dvaudit.gradients.trajectory import draw_updates as draw_updates
    from dvaudit.gradients.trajectory import train as train
    from dvaudit.gradients.trajectory import train_with_checkpoints as train_with_checkpoints
    from dvaudit.gradients.window import Window as Window

__getattr__, __all__ = exports(
    __name__,
    {
        "losses": "dvaudit.gradients.losses",
        "reference": "dvaudit.gradients.reference",
        "Capture": "dvaudit.gradients._capture",
        "Taps": "dvaudit.gradients._capture",
        "capture": "dvaudit.gradients._capture",
        "plan_taps": "dvaudit.gradients._plan",
        "Curvature": "dvaudit.gradients.curvature",
        "gradient_and_curvature": "dvaudit.gradients.curvature",
        "largest_eigenvalue": "dvaudit.gradients.curvature",
        "EmbeddingStep": "dvaudit.gradients.dvemb",
        "InfluenceStep": "dvaudit.gradients.dvemb",
        "embeddings": "dvaudit.gradients.dvemb",
        "influences": "dvaudit.gradients.dvemb",
        "query_gradients": "dvaudit.gradients.dvemb",
        "Similarity": "dvaudit.gradients.dvgs",
        "SimilarityStep": "dvaudit.gradients.dvgs",
        "target_similarities": "dvaudit.gradients.dvgs",
        "Layout": "dvaudit.gradients.layout",
        "LiveStep": "dvaudit.gradients.liveval",
        "Window": "dvaudit.gradients.window",
        "live_values": "dvaudit.gradients.liveval",
        "static_values": "dvaudit.gradients.liveval",
        "totals": "dvaudit.gradients.liveval",
        "inner_products": "dvaudit.gradients.products",
        "squared_norms": "dvaudit.gradients.products",
        "Reduction": "dvaudit.gradients.trajectory",
        "Trajectory": "dvaudit.gradients.trajectory",
        "Update": "dvaudit.gradients.trajectory",
        "draw_updates": "dvaudit.gradients.trajectory",
        "train": "dvaudit.gradients.trajectory",
        "train_with_checkpoints": "dvaudit.gradients.trajectory",
        "checkpoint_influences": "dvaudit.gradients.checkpoints",
        "Phases": "dvaudit.gradients.dvemb",
        "phase_influences": "dvaudit.gradients.dvemb",
        "ProjectedStep": "dvaudit.gradients.projected",
        "embedding_sums": "dvaudit.gradients.projected",
        "project_queries": "dvaudit.gradients.projected",
        "projected_embeddings": "dvaudit.gradients.projected",
        "write_embeddings": "dvaudit.gradients.projected",
        "Projections": "dvaudit.gradients.projections",
        "plan_projections": "dvaudit.gradients._projection_plan",
        "Segment": "dvaudit.gradients.segments",
        "SegmentTask": "dvaudit.gradients.segments",
        "checkpoint_embeddings": "dvaudit.gradients.segments",
        "embed_segment": "dvaudit.gradients.segments",
        "segment_embeddings": "dvaudit.gradients.segments",
        "segment_tasks": "dvaudit.gradients.segments",
        "Sharpness": "dvaudit.gradients.stability",
        "growth": "dvaudit.gradients.stability",
        "sharpness": "dvaudit.gradients.stability",
        "spread_steps": "dvaudit.gradients.stability",
    },
)
