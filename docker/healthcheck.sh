#!/bin/bash
# Healthy while /_fn/ready answers 200. Bash's own /dev/tcp: no program has to be started for it every few seconds.
exec 3<>"/dev/tcp/127.0.0.1/${FN_HOST_PORT:-8080}" || exit 1
printf 'GET /_fn/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
read -r _ status _ <&3
[ "$status" = 200 ]
