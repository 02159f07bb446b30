#!/bin/sh
# Ends what a supervisor leaves behind when it is killed (P75): function workers with all they started, nginx, the run
# directory. usage: watchdog.sh <run directory>; on stdin, for as long as the supervisor lives:
#   +<pid>        a process group to end
#   -<pid>        it is gone
#   nginx <pid>   nginx's master, `nginx 0` when there is none
trap '' HUP INT QUIT TERM PIPE

run_dir=$1
groups=' '
nginx=0

forget() {
  case $groups in
    *" $1 "*) groups="${groups%% "$1" *} ${groups#* "$1" }" ;;
  esac
}

children_of() {
  cat "/proc/$1/task/$1/children" 2>/dev/null && return
  ps -A -o pid= -o ppid= | while read -r pid parent; do
    [ "$parent" = "$1" ] && echo "$pid"
  done
}

while read -r word pid; do
  case $word in
    nginx) nginx=$pid ;;
    +*) groups="$groups${word#+} " ;;
    -*) forget "${word#-}" ;;
  esac
done

for pid in $groups; do
  kill -s KILL -- "-$pid" 2>/dev/null
done

# nginx's workers outlive a master that is killed, and hold its port.
if [ "$nginx" -gt 0 ]; then
  workers=$(children_of "$nginx")
  kill -s TERM "$nginx" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8; do
    kill -s 0 "$nginx" 2>/dev/null || break
    sleep 0.1
  done
  # $workers is a list: each word is a pid.
  # shellcheck disable=SC2086
  kill -s KILL "$nginx" $workers 2>/dev/null
  kill -s KILL -- "-$nginx" 2>/dev/null # also those of a master that was gone already, if it led a group
fi

case $run_dir in
  /?*) rm -rf -- "$run_dir" ;;
esac
