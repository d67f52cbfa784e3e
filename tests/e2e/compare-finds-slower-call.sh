# A delay in one kind of call, a tenth of what the call takes, is found and named among the others. Runs take turns.
need python3
gpualloc record --softgpu -o T -- d3dkmt_churn --calls 40 >/dev/null 2>&1 || fail "recording"
side() { # NAME DELAY
    GPUALLOC_SOFTGPU_FAULTS=CreateAllocation2:1+:$2,DestroyAllocation2:1+:5ms gpualloc replay T --softgpu --json "$1.json" >/dev/null ||
        fail "replaying"
}
mkdir a b
for i in 1 2 3 4 5 6 7 8 9 10; do
    side a/$i 5ms
    side b/$i 5500us
done
gpualloc compare --json found.json a b >/dev/null || [ $? = 3 ] || fail "compare"
python3 - <<'END' || fail "the slower kind is not named: $(gpualloc compare a b)"
import json
rows = json.load(open("found.json"))["rows"]
print([(r["kind"], r["size_class"], round(r["change"], 3), r["p_holm"]) for r in rows])
# Of the kinds that take microseconds a busy machine decides; these two take 5 ms.
delayed = {r["kind"]: r["significant"] and r["change"] for r in rows if r["kind"] in ("create_allocation", "destroy_allocation")}
assert 0.05 < delayed["create_allocation"] < 0.2, delayed
assert delayed["destroy_allocation"] < 0.05, delayed
END
