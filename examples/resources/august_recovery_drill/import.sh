# What a drill measured is in the state and nowhere else: an imported drill has never run, and the next apply runs it.
terraform import august_recovery_drill.restore feel-august-platform/platform/point_in_time_restore
