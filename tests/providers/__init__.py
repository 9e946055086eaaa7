import pytest

pytest.register_assert_rewrite("providers.matrix")
