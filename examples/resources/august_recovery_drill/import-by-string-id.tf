import {
  to = august_recovery_drill.restore
  id = "feel-august-platform/platform/point_in_time_restore"
}
