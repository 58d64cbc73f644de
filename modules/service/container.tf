# Container-Optimized OS starts the container by systemd, without a shell: cloud-init writes a unit and starts it. The
# image is pulled by the instance's own account; the root file system is read-only, and no capability is left.
locals {
  _environment = var.cloud_run != null ? {} : merge(var.instances.environment, { PORT = tostring(var.instances.port) })

  cloud_config = { for key, group in local.groups : key => "#cloud-config\n${yamlencode({
    write_files = [
      {
        path        = "/etc/service.env"
        permissions = "0600"
        content     = join("", [for name in sort(keys(local._environment)) : "${name}=${local._environment[name]}\n"])
      },
      {
        path        = "/etc/systemd/system/service.service"
        permissions = "0644"
        content     = <<-EOT
          [Unit]
          Description=${var.name}, ${group.release}
          Wants=network-online.target docker.service
          After=network-online.target docker.service

          [Service]
          Environment=HOME=/home/service
          ExecStartPre=/usr/bin/docker-credential-gcr configure-docker --registries=${split("/", group.image)[0]}
          ExecStart=/usr/bin/docker run --rm --name=service --env-file=/etc/service.env --publish=${var.instances.port}:${var.instances.port} --read-only --tmpfs=/tmp:rw,noexec,nosuid,size=64m --cap-drop=ALL --security-opt=no-new-privileges --log-opt=max-size=10m --log-opt=max-file=3 ${group.image}
          ExecStop=/usr/bin/docker stop --time=25 service
          Restart=always
          RestartSec=2

          [Install]
          WantedBy=multi-user.target
        EOT
      },
    ]
    runcmd = [["systemctl", "daemon-reload"], ["systemctl", "start", "service.service"]]
  })}" }
}
