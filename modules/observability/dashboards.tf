# A dashboard is a list of charts: a title, and whose series, how drawn together. Two stand in a row.
locals {
  dashboards = merge(
    { platform = { title = "platform", charts = local.charts_platform } },
    { for name in ["sync"] : name => { title = name, charts = local.charts_sync } if var.sync != null },
    { for name in ["database"] : name => { title = name, charts = local.charts_database } if var.database != null },
    { for name in ["services"] : name => { title = name, charts = local.charts_services } if length(var.services) > 0 },
    { cost = { title = "cost drivers", charts = local.charts_cost } },
  )

  widgets = { for name, dashboard in local.dashboards : name => concat(
    name != "platform" ? [] : [{ title = "Incidents", incidentList = {} }],
    name != "platform" ? [] : [for key, slo in google_monitoring_slo.this : {
      title = "Budget left: ${slo.display_name}"
      scorecard = {
        thresholds = [{ value = 0.5, color = "YELLOW", direction = "BELOW" }, { value = 0.1, color = "RED", direction = "BELOW" }]
        timeSeriesQuery = { timeSeriesFilter = {
          filter      = "select_slo_budget_fraction(\"${slo.name}\")"
          aggregation = { alignmentPeriod = "60s", perSeriesAligner = "ALIGN_NEXT_OLDER" }
        } }
      }
    }],
    [for chart in dashboard.charts : {
      title = chart.title
      xyChart = {
        dataSets = [{
          plotType = "LINE"
          timeSeriesQuery = { for kind, query in {
            prometheusQuery = try(chart.query, null)
            timeSeriesFilter = try({
              filter = chart.filter
              aggregation = merge(
                { alignmentPeriod = "60s", perSeriesAligner = chart.align, crossSeriesReducer = chart.reduce },
                length(chart.by) == 0 ? {} : { groupByFields = chart.by },
              )
            }, null)
          } : kind => query if query != null }
        }]
        yAxis = { scale = "LINEAR" }
      }
    }],
  ) }
}

# Cloud Monitoring leaves out what is 0 when it tells a dashboard: written down, it would be a change at every plan.
resource "google_monitoring_dashboard" "this" {
  for_each = local.dashboards

  project = var.project
  dashboard_json = jsonencode({
    displayName = "${var.name} ${each.value.title}"
    labels      = { for key, value in local.labels : key => value }
    mosaicLayout = {
      columns = 48
      tiles = [for i, widget in local.widgets[each.key] : merge(
        i % 2 == 0 ? {} : { xPos = 24 },
        i < 2 ? {} : { yPos = floor(i / 2) * 12 },
        { width = 24, height = 12, widget = widget },
      )]
    }
  })
}
