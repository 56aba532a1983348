# Ends what the launcher started, once the launcher itself is gone.
#
# Standard input is a pipe that only the launcher holds open, so its end is the
# launcher's end, by whatever death. The arguments are the paths to remove then,
# the cluster's folder first.
#
#   watch PID    the leader of a process group has been started
#   forget PID   it has ended
#   keep         at the end, end the processes but leave the paths alone
#   release      go away and touch nothing
trap '' HUP INT TERM
pids=
remove=yes
while read -r word pid; do
    case $word in
    watch) pids="$pids $pid" ;;
    forget)
        rest=
        for other in $pids; do
            [ "$other" = "$pid" ] || rest="$rest $other"
        done
        pids=$rest
        ;;
    keep) remove=no ;;
    release) exit 0 ;;
    esac
done

# QUIT makes a postmaster end its children and give its shared memory back.
# CONT, because a frozen one would not hear it.
for pid in $pids; do
    kill -s QUIT -- "-$pid"
    kill -s CONT -- "-$pid"
done 2>/dev/null
# A postmaster kills children that do not listen after five seconds.
tries=0
for pid in $pids; do
    while [ "$tries" -lt 160 ] && kill -s 0 -- "-$pid"; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill -s KILL -- "-$pid"
done 2>/dev/null

[ "$remove" = yes ] || exit 0
# A lock file left behind names a shared memory segment left behind.
for lock in "$1"/*/postmaster.pid; do
    [ -f "$lock" ] && sed -n 7p "$lock" | {
        read -r key id
        ipcrm -m "$id"
    }
done >/dev/null 2>&1
tries=0
until rm -rf -- "$@" 2>/dev/null || [ "$tries" -ge 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
