import {
  to = august_recovery_drill.restore
  identity = {
    project  = "feel-august-platform"
    instance = "platform"
    kind     = "point_in_time_restore"
  }
}
