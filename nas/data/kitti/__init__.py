"""KITTI in the layouts in which it is handed out: raw drives, the 2015 benchmark, odometry."""

from nas.data.kitti.layout import open_kitti

__all__ = ["open_kitti"]
