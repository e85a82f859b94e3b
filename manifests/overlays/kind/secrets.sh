#!/bin/sh
# Puts in the values that no manifest holds. Again is safe: what is there stays, but for the object
# store's keys, which follow those of Kubeflow Pipelines.
set -eu
NAMESPACE=${NAMESPACE:-kubeloop}
PIPELINES=${PIPELINES:-kubeflow}

# put NAME [NAMESPACE]: a Secret from the lines KEY=VALUE on standard input. Values go from pipe to
# pipe: neither a command line nor a file ever holds them. The overlay is another field manager, so
# that neither resets what the other has written.
put() {
    kubectl --namespace "${2:-$NAMESPACE}" create secret generic "$1" \
        --from-env-file=/dev/stdin --dry-run=client --output=yaml |
        kubectl apply --server-side --field-manager=kubeloop-secrets --filename=-
}

random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# keys: those of the object store of Kubeflow Pipelines, under the names that KServe and boto know.
keys() {
    kubectl --namespace "$PIPELINES" get secret mlpipeline-minio-artifact --output=go-template='AWS_ACCESS_KEY_ID={{.data.accesskey | base64decode}}
AWS_SECRET_ACCESS_KEY={{.data.secretkey | base64decode}}
'
}

# A Secret cannot be used from another namespace, so its two keys are copied. A pipe does not tell
# that its first command failed, so that one is tried before.
kubectl --namespace "$PIPELINES" get secret mlpipeline-minio-artifact --output=name >/dev/null
keys | put object-store

# stored: the same with the store's address, as runs reach it.
stored() {
    keys
    echo "AWS_ENDPOINT_URL=http://seaweedfs.$PIPELINES:9000"
}

# What runs fetch the champion's bundle with.
stored | put kubeloop-bundles "$PIPELINES"

# What runs read sources with, so that those which `kubeloop submit --upload` puts there are found.
sources=$(kubectl --namespace "$PIPELINES" get secret kubeloop-sources --ignore-not-found --output=name)
case $sources in
*secret/kubeloop-sources*) echo "secret/kubeloop-sources is there and stays" ;;
*) stored | put kubeloop-sources "$PIPELINES" ;;
esac

# Asked at once and outside of a condition: an answer that fails must not look like one that is empty.
known=$(kubectl --namespace "$NAMESPACE" get secret tracking-database monitor-webhook \
    --ignore-not-found --output=name)

case $known in
*secret/tracking-database*) echo "secret/tracking-database is there and stays" ;;
*)
    # The database takes its password once, when its volume is empty.
    password=$(random)
    put tracking-database <<END
password=$password
uri=postgresql+psycopg://mlflow:$password@postgresql:5432/mlflow
END
    ;;
esac

case $known in
*secret/monitor-webhook*) echo "secret/monitor-webhook is there and stays" ;;
*)
    put monitor-webhook <<END
token=$(random)
END
    ;;
esac
